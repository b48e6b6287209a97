// app.js - starts the console: builds the navigation, shows the panel that the address names (#log),
// and connects.

import { openConnectDialog } from './connection.js';
import { make } from './dom.js';
import { Hub } from './hub.js';
import { icon } from './icons.js';
import { panels } from './panel.js';
import './panels.js';
import './theme.js';

const hub = new Hub();
const main = document.getElementById('main');
const nav = document.querySelector('nav');
const links = new Map();
let current = null;

function build() {
  for (const { name, title, tag, isEager } of panels) {
    links.set(name, make('a', { href: `#${name}` }, icon(name), make('span', {}, title)));
    nav.append(links.get(name));
    if (isEager) add(tag, title);
  }
  for (const part of document.querySelectorAll('connection-state, connection-notice')) part.hub = hub;
}

/** Builds a panel, which is not shown yet. */
function add(tag, title) {
  const panel = make(tag, { role: 'region', 'aria-label': title, hidden: true });
  panel.hub = hub;
  main.append(panel);
  return panel;
}

/** Shows the panel that the address names; the first one if it names none. */
function show() {
  const wanted = location.hash.slice(1);
  if (wanted === 'main' && current) return; // the link that skips the navigation
  const { name, title, tag } = panels.find((panel) => panel.name === wanted) ?? panels[0];
  const next = main.querySelector(tag) ?? add(tag, title);
  if (next === current) return;
  if (current) {
    current.hidden = true;
    current.gone();
  }
  for (const [of, link] of links) {
    if (of === name) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  document.title = `${title} · Eventhub console`;
  next.hidden = false;
  current = next;
  next.shown();
}

/** Asks for a token once if the server does not let the page in without one. */
function askForToken() {
  const { name, isOfToken } = hub.state;
  if (name !== 'open' && !isOfToken) return;
  hub.removeEventListener('state', askForToken);
  if (isOfToken) openConnectDialog(hub);
}

build();
show();
addEventListener('hashchange', show);
hub.addEventListener('state', askForToken);
hub.connect();
