// The WebSocket client of the npm package `ws`, for tests in folders without packages of their own.

export { WebSocket } from 'ws';
