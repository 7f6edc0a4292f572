//! Which processor does what, and how busy the machine is.

use std::mem;
use std::thread;
use std::time::Duration;

/// How many processors there are, and how busy they were before.
pub fn describe() -> String {
    let cores = cores();
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or("unknown").to_owned();
    let build =
        if cfg!(debug_assertions) { ", built WITHOUT optimisation: figures mean nothing" } else { "" };
    format!("{cores} cores, load average {load} before the start{build}")
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// Starts something with all its threads on one processor, so that a rate is that of one core.
pub fn on_one<T>(start: impl FnOnce() -> T) -> T {
    let before = allowed();
    let first = (0..libc::CPU_SETSIZE as usize).find(|cpu| is_in(&before, *cpu)).unwrap_or(0);
    allow(&only(|cpu| cpu == first));
    let started = start();
    allow(&before);
    started
}

/// Leaves that processor to what was started by [`on_one`]; where there is only one, both share it.
pub fn off_one<T>(run: impl FnOnce() -> T) -> T {
    let before = allowed();
    let first = (0..libc::CPU_SETSIZE as usize).find(|cpu| is_in(&before, *cpu)).unwrap_or(0);
    if cores() > 1 {
        allow(&only(|cpu| cpu != first && is_in(&before, cpu)));
    }
    let result = run();
    allow(&before);
    result
}

/// How long this thread was on a processor so far.
pub fn own_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: writes into `time`.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// How long the threads of a process were on a processor so far: those of that name, or all.
pub fn time_of(process: u32, name: Option<&str>) -> Duration {
    let tasks = std::fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    let is_meant = |task: &std::path::Path| {
        let comm = std::fs::read_to_string(task.join("comm")).unwrap_or_default();
        name.is_none_or(|name| comm.trim() == name)
    };
    // The first number is the time spent on a processor, in nanoseconds (proc(5)).
    let time = |task: &std::path::Path| -> Option<u64> {
        std::fs::read_to_string(task.join("schedstat")).ok()?.split(' ').next()?.parse().ok()
    };
    let meant = tasks.map(|task| task.path()).filter(|task| is_meant(task));
    Duration::from_nanos(meant.filter_map(|task| time(&task)).sum())
}

fn allowed() -> libc::cpu_set_t {
    // SAFETY: all zeroes are a valid set, and the kernel writes no more than its size.
    unsafe {
        let mut set = mem::zeroed();
        libc::sched_getaffinity(0, mem::size_of::<libc::cpu_set_t>(), &mut set);
        set
    }
}

fn allow(set: &libc::cpu_set_t) {
    // SAFETY: the kernel reads no more than its size. Refusal leaves all as it was.
    unsafe { libc::sched_setaffinity(0, mem::size_of::<libc::cpu_set_t>(), set) };
}

fn only(wanted: impl Fn(usize) -> bool) -> libc::cpu_set_t {
    // SAFETY: all zeroes are a valid set, and the numbers are below CPU_SETSIZE.
    unsafe {
        let mut set = mem::zeroed();
        (0..libc::CPU_SETSIZE as usize)
            .filter(|cpu| wanted(*cpu))
            .for_each(|cpu| libc::CPU_SET(cpu, &mut set));
        set
    }
}

fn is_in(set: &libc::cpu_set_t, cpu: usize) -> bool {
    // SAFETY: the number is below CPU_SETSIZE.
    unsafe { libc::CPU_ISSET(cpu, set) }
}
