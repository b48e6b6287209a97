// panels.js - the panels, in the order of the navigation.

import './panels/messages.js';
