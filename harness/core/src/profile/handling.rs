//! How the harness recognises, commands, hears and provisions a model.

use std::collections::BTreeMap;
use std::net::IpAddr;

section! {
    /// How to recognise the model.
    Match {
        /// A regular expression over User-Agent.
        user_agent: Option<String> = None,
    }
}

words! {
    /// Physical or software (AR-06, F-12).
    Kind:
    /// A handset.
    Physical = "physical",
    /// A program.
    Softphone = "softphone",
}

section! {
    /// How to make the phone act.
    Control {
        /// The driver's name; `process` starts the program that `process` describes.
        driver: String = "reference".to_owned(),
        /// Whether it restarts on NOTIFY with `Event: check-sync`; when, `call_in_progress.reset` says.
        check_sync: bool = false,
        /// The program that is the phone, with driver `process`.
        process: Option<ControlProcess> = None,
        /// Its HTTP interface, where it has one.
        http: Option<ControlHttp> = None,
        /// The path of a screenshot, where it has one.
        screenshot: Option<String> = None,
    }
}

section! {
    /// A program that is a phone. Its arguments, environment, files and keys are templates:
    /// `{{ user }}`, `{{ password }}`, `{{ domain }}`, `{{ transport }}`, `{{ ip }}`, `{{ port }}` and
    /// `{{ expires_s }}` of the phone, `{{ folder }}` where its files lie, `{{ start }}`, which counts its
    /// starts from 1, `{{ servers }}` with `name`, `host`, `port` and
    /// `transport` each (no `port`, no `transport` where DNS is to tell it), `{{ dns }}`, the address
    /// and port of the DNS server if there is one, and `{{ profile }}` with every field.
    ControlProcess {
        /// What is started: a name on the path, or a path.
        program: String = String::new(),
        /// Its arguments.
        arguments: Vec<String> = vec![],
        /// Set in its environment: name to value.
        environment: BTreeMap<String, String> = BTreeMap::new(),
        /// What is written into a folder of its own before it starts: name to content.
        files: BTreeMap<String, String> = BTreeMap::new(),
        /// A regular expression over a line of its output: from then on it takes keys. `null`: at once.
        ready: Option<String> = None,
        /// How long it may take to be ready, in seconds.
        ready_within_s: u32 = 10,
        /// Where keys are typed.
        keys_to: KeysTo = KeysTo::StandardInput,
        /// With `keys_to: tcp`, the address and port at which it takes keys, as a template.
        keys_address: String = "{{ ip }}:{{ port + 1000 }}".to_owned(),
        /// What is typed for each key.
        keys: ControlKeys = ControlKeys::default(),
        /// Addresses of the host from which it connects or asks DNS, besides its own: what comes from there
        /// to the scenario's farm is the phone's.
        also_from: Vec<IpAddr> = vec![],
        /// The fields of the profile that its arguments and files follow. A scenario that sets any
        /// other is not exercised, for the phone would not know.
        settings: Vec<String> = vec![],
    }
}

words! {
    /// Where the keys of a program are typed.
    KeysTo:
    /// Into its standard input.
    StandardInput = "stdin",
    /// Into a TCP connection to it.
    Tcp = "tcp",
}

section! {
    /// What is typed for each key, as templates: a line or several. `null`: it cannot do that.
    ControlKeys {
        /// Register with the servers.
        register: Option<String> = None,
        /// Give the binding up.
        unregister: Option<String> = None,
        /// Call `{{ target }}`.
        dial: Option<String> = None,
        /// Take the call that rings.
        answer: Option<String> = None,
        /// Refuse it with `{{ code }}`.
        reject: Option<String> = None,
        /// Put the call on hold.
        hold: Option<String> = None,
        /// Take it off hold.
        resume: Option<String> = None,
        /// End or abandon the call.
        hang_up: Option<String> = None,
        /// Highlight the call with the Call-ID `{{ call }}`.
        select: Option<String> = None,
        /// Choose line `{{ line }}`, from 1, for what is dialled next.
        line: Option<String> = None,
        /// Join the calls into a conference.
        conference: Option<String> = None,
        /// Take it apart.
        split: Option<String> = None,
        /// Switch off and on; `null`: it is ended, started again, and told to register.
        reboot: Option<String> = None,
        /// End the program; `null`: it is killed.
        quit: Option<String> = None,
    }
}

section! {
    /// A phone's HTTP interface. The password is the lab's, never the profile's.
    ControlHttp {
        /// With or without TLS.
        scheme: HttpScheme = HttpScheme::Http,
        /// The user who may command it.
        user: Option<String> = None,
    }
}

words! {
    /// HTTP with or without TLS.
    HttpScheme:
    /// Without.
    Http = "http",
    /// With.
    Https = "https",
}

section! {
    /// How to hear the phone's own opinion.
    Observe {
        /// The interface by which it reports events, such as `action_url`.
        events: Option<String> = None,
        /// What a person or a camera can see, such as `screen`.
        phone_side: Vec<String> = vec![],
    }
}

section! {
    /// How to provision the phone.
    Provision {
        /// The template's name under `fixtures/provisioning/`.
        template: Option<String> = None,
        /// The path under which the phone asks for it; `{mac}` stands for its hardware address.
        path: Option<String> = None,
    }
}
