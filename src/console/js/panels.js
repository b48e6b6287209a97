// panels.js - the panels, in the order of the navigation.

import './panels/messages.js';
import './panels/log.js';
import './panels/keys.js';
import './panels/presence.js';
import './panels/live.js';
import './panels/tokens.js';
