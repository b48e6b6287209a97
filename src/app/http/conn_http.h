/* conn_http.h - the protocol with which every connection begins: HTTP requests, one after the
 * other, until one becomes a WebSocket or an event stream.
 * Thread:  the connection's worker.
 */
#ifndef EH_APP_CONN_HTTP_H
#define EH_APP_CONN_HTTP_H

#include "app/conn/conn.h"

extern const struct conn_protocol conn_http;

#endif
