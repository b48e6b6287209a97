// A real nginx with the given configuration.

import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

export const NGINX = '/usr/sbin/nginx';

/** Starts nginx with `config` inside its block http; returns the child process. `file` and `dir` are for its own use. */
export function startNginx(file, config, dir) {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `${name}_temp_path ${join(dir, name)};`).join(' ');
  writeFileSync(file, `daemon off; pid ${join(dir, 'nginx.pid')}; error_log stderr warn;
events { worker_connections 64; }
http {
  access_log off; ${temporary}
${config}
}
`);
  return spawn(NGINX, ['-c', file], { stdio: 'ignore' });
}
