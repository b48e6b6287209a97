// address.js - addresses of the server, seen from the page.

/**
 * The URL of this path, which is relative to the page. A name and a password in the address of the page
 * (https://user:password@host/) are left out: requests with them fail, and nobody wants to copy them.
 */
export function addressOf(path, page = document.baseURI) {
  const url = new URL(path, page);
  url.username = '';
  url.password = '';
  return url;
}
