'use strict';
// Filters the list, opens the pages of scenarios, lights what belongs together. The pages are text until they are opened.
(() => {
  const $ = (id) => document.getElementById(id);
  const all = (where, what) => [...where.querySelectorAll(what)];
  const rows = all($('list'), 'tbody tr').map((row) => ({
    row, id: row.dataset.id, verdict: row.dataset.verdict, phone: row.dataset.phone,
    tags: row.dataset.tags.split(' '), text: row.textContent.toLowerCase() + ' ' + row.dataset.tags.toLowerCase(),
  }));
  const fields = ['text', 'verdict', 'phone', 'tag', 'requirement'].map($);
  const [text, verdict, phone, tag, requirement] = fields;
  let shown = rows, open = null, at = -1;

  function filter() {
    const words = text.value.toLowerCase().split(/\s+/).filter(Boolean);
    const is = (row) => (!verdict.value || row.verdict === verdict.value) && (!phone.value || row.phone === phone.value)
      && (!tag.value || row.tags.includes(tag.value)) && (!requirement.value || row.tags.includes(requirement.value))
      && words.every((word) => row.text.includes(word));
    shown = rows.filter(is);
    const ids = new Set(shown);
    for (const row of rows) row.row.hidden = !ids.has(row);
    $('shown').textContent = shown.length === rows.length ? '' : `${shown.length} of ${rows.length}`;
    $('nothing').hidden = shown.length > 0;
    mark(-1);
  }
  function mark(number) {
    if (shown[at]) shown[at].row.classList.remove('at');
    at = number;
    if (shown[at]) {
      shown[at].row.classList.add('at');
      shown[at].row.querySelector('a').focus();
    }
  }
  for (const field of fields) field.addEventListener('input', filter);
  document.querySelector('.filters').addEventListener('submit', (event) => event.preventDefault());
  $('reset').addEventListener('click', () => { for (const field of fields) field.value = ''; filter(); });
  for (const button of all(document, 'button.count')) {
    button.addEventListener('click', () => {
      verdict.value = verdict.value === button.dataset.verdict ? '' : button.dataset.verdict;
      location.hash = '';
      filter();
    });
  }

  // Which view: a scenario (#014), a packet in it (#014/88), or one of the lists.
  function route() {
    const [where, packet] = decodeURIComponent(location.hash.slice(1)).split('/');
    const page = /^\d+$/.test(where) && $('p' + where);
    hideMessage();
    if (page) {
      if (open !== where) show(where, page);
      if (packet) showPacket(packet);
      return;
    }
    const was = open;
    open = null;
    $('scenario').hidden = true;
    $('overview').hidden = false;
    const view = ['coverage', 'phones', 'times'].includes(where) ? where : 'list';
    for (const section of all($('overview'), '[data-view]')) section.hidden = section.dataset.view !== view;
    for (const link of all(document, '.tabs a')) {
      if (link.dataset.tab === view) link.setAttribute('aria-current', 'page'); else link.removeAttribute('aria-current');
    }
    if (was) mark(shown.findIndex((row) => row.id === was)); else window.scrollTo(0, 0);
  }
  function show(id, page) {
    open = id;
    const main = $('scenario');
    main.innerHTML = page.textContent;
    main.hidden = false;
    $('overview').hidden = true;
    const name = main.querySelector('h2');
    window.scrollTo(0, 0);
    if (name) name.focus({ preventScroll: true });
    const told = main.querySelector('.m[data-accused]');
    if (told) told.scrollIntoView({ block: 'center' });
  }
  function go(by) {
    if (open === null) return mark(Math.max(0, Math.min(shown.length - 1, at + by)));
    const here = shown.findIndex((row) => row.id === open);
    const next = shown[here + by];
    if (next) location.hash = next.id;
  }

  // Messages.
  const ofPacket = (number) => all($('scenario'), '.m').find((m) => m.dataset.p.split(' ').includes(String(number)));
  function showPacket(number) {
    const message = ofPacket(number);
    if (!message) return;
    message.scrollIntoView({ block: 'center', inline: 'nearest' });
    showMessage(message);
  }
  function showMessage(message) {
    const desc = message.querySelector('desc');
    $('message').querySelector('b').textContent = message.getAttribute('aria-label');
    $('message').querySelector('pre').textContent = desc ? desc.textContent : '';
    for (const other of all($('scenario'), '.m.open')) other.classList.remove('open');
    message.classList.add('open');
    $('message').hidden = false;
    const number = message.dataset.p.split(' ').pop();
    if (open) history.replaceState(null, '', '#' + open + '/' + number);
  }
  function hideMessage() {
    $('message').hidden = true;
    for (const other of all($('scenario'), '.m.open')) { other.classList.remove('open'); other.focus({ preventScroll: true }); }
    if (open) history.replaceState(null, '', '#' + open);
  }
  $('message').querySelector('.close').addEventListener('click', hideMessage);

  // A step lights its packets, a packet its steps, a finding both.
  function light(from) {
    for (const lit of all($('scenario'), '.lit')) lit.classList.remove('lit');
    if (!from) return;
    const steps = (from.dataset.step || from.dataset.steps || '').split(' ').filter(Boolean);
    const numbers = all(from, '[data-packet]').map((link) => link.dataset.packet);
    for (const other of all($('scenario'), '[data-step],[data-steps],.m')) {
      const its = (other.dataset.step || other.dataset.steps || '').split(' ');
      const cited = other.dataset.p && other.dataset.p.split(' ').some((p) => numbers.includes(p));
      const isMessage = other.classList.contains('m') && from.classList.contains('m');
      if (cited || (!numbers.length && !isMessage && steps.some((step) => its.includes(step)))) other.classList.add('lit');
    }
    from.classList.add('lit');
  }
  for (const kind of ['mouseover', 'focusin']) {
    $('scenario').addEventListener(kind, (event) => light(event.target.closest('.stp,.m,.finding')));
  }
  $('scenario').addEventListener('mouseleave', () => light(null));
  $('scenario').addEventListener('click', (event) => {
    const target = event.target;
    const packet = target.closest('[data-packet]');
    const step = target.closest('[data-go]');
    const copy = target.closest('.copy');
    const message = target.closest('.m');
    if (packet) { event.preventDefault(); showPacket(packet.dataset.packet); }
    else if (step) { event.preventDefault(); go(Number(step.dataset.go)); }
    else if (copy) copyText(copy);
    else if (message) showMessage(message);
  });
  function copyText(button) {
    const code = button.parentElement.querySelector('code');
    const done = () => { button.textContent = 'copied'; };
    const select = () => getSelection().selectAllChildren(code);
    if (navigator.clipboard) navigator.clipboard.writeText(code.textContent).then(done, select); else select();
  }

  addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = ['INPUT', 'SELECT', 'TEXTAREA'].includes(event.target.tagName);
    if (event.key === 'Escape') {
      if (!$('message').hidden) hideMessage();
      else if (typing) event.target.blur();
      else if (open) location.hash = '';
      return;
    }
    if (typing) return;
    const message = event.target.closest && event.target.closest('.m');
    const keys = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 };
    if (event.key === '/') { location.hash = ''; setTimeout(() => text.focus()); }
    else if (message && (event.key === 'Enter' || event.key === ' ')) showMessage(message);
    else if (message && event.key in keys) {
      const messages = all($('scenario'), '.m');
      const next = messages[messages.indexOf(message) + keys[event.key]];
      if (!next) return;
      next.focus();
      if (!$('message').hidden) showMessage(next);
    }
    else if (event.key === 'j' || event.key === 'k' || (open === null && event.key in keys && event.target.closest('body,.list'))) go(keys[event.key]);
    else if (open !== null && (event.key === 'ArrowLeft' || event.key === 'ArrowRight') && event.target.closest('.scroll') === null) go(event.key === 'ArrowLeft' ? -1 : 1);
    else return;
    event.preventDefault();
  });
  addEventListener('hashchange', route);
  route();
})();
