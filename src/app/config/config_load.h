/* config_load.h - reads the options: --name=value overrides the environment (NAME or name), which
 * overrides the file that --config=FILE names (config_file.h), which overrides the default. An
 * empty value counts as not set.
 * Thread:  main.
 */
#ifndef EH_APP_CONFIG_LOAD_H
#define EH_APP_CONFIG_LOAD_H

#include "app/config/config.h"
#include "base/buf.h"
#include "base/err.h"

/* The action that the command line asks for. For VERSION and all kinds of help, the options are not
 * read. */
enum config_action {
    CONFIG_RUN,
    CONFIG_CHECK,        /* --check-config */
    CONFIG_CHECK_BROKER, /* --check-broker (app/check_broker.h) */
    CONFIG_LIVE,         /* --health-check: asks the server that runs with the same options */
    CONFIG_READY,        /* --health-check=ready (app/health_check.h) */
    CONFIG_VERSION,      /* --version */
    CONFIG_HELP,         /* --help */
    CONFIG_MARKDOWN,     /* --help=markdown: the table of docs/configuration.md */
    CONFIG_MAN,          /* --help=man: the list of the man page */
    CONFIG_FILE,         /* --help=conf: the example of a configuration file */
    CONFIG_METRICS,      /* --help=metrics: all metrics as /metrics serves them, without values */
};

/* EH_EINVAL: *why is one line that names the option and the rule that it breaks, but never the
 * value of a secret. */
int config_load(const struct config_source *source, struct config *ret,
                enum config_action *ret_action, struct buf *why) EH_MUST_USE;
void config_done(struct config *c);

#endif
