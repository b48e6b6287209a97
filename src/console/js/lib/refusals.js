// refusals.js - why a server refuses requests and connections, in words. Pure.

const WORDS = {
  unauthorized: 'the token is missing or not valid',
  keys_unavailable: 'the keys of tokens are not known yet',
  bad_proxy_header: 'the PROXY header is missing or not valid',
  origin: 'the page is of an origin that is not allowed',
  bad_http: 'the HTTP request is not valid',
  parse_error: 'the message is not JSON',
  invalid_request: 'the message is not a request',
  unknown_method: 'there is no such method',
  invalid_params: 'a parameter is missing or wrong',
  not_allowed: 'the token does not permit it',
  broker_unavailable: 'the broker failed or is away',
  rate_limited: "over the token's rate limit",
  too_many_connections: 'the server has reached MAX_CONNECTIONS',
  too_many_of_ip: 'the address has reached MAX_CONNECTIONS_PER_IP',
};

export function refusalWords(reason) {
  return WORDS[reason] ?? reason.replaceAll('_', ' ');
}

/**
 * A row for each reason that has ever occurred: its number of refusals in these points, and its total. The
 * largest recent number comes first.
 */
export function refusalRows(points, totals) {
  const recent = new Map();
  for (const { refusedReasons = [] } of points) {
    for (const [reason, n] of refusedReasons) recent.set(reason, (recent.get(reason) ?? 0) + n);
  }
  return Object.entries(totals)
    .filter(([, total]) => total > 0)
    .map(([reason, total]) => ({ reason, recent: recent.get(reason) ?? 0, total }))
    .sort((a, b) => b.recent - a.recent || b.total - a.total);
}
