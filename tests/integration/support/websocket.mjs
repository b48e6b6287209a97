// The WebSocket client of the npm package `ws`, for tests in directories without their own packages.

export { WebSocket } from 'ws';
