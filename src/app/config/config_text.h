/* config_text.h - prints the table of options.
 * Thread:  main.
 */
#ifndef EH_APP_CONFIG_TEXT_H
#define EH_APP_CONFIG_TEXT_H

#include <stdio.h>

/* --help as a whole, the Markdown table of docs/configuration.md, the list of the man page, or an
 * annotated configuration file. */
enum config_text { CONFIG_TEXT_HELP, CONFIG_TEXT_MARKDOWN, CONFIG_TEXT_MAN, CONFIG_TEXT_FILE };
void config_print_options(FILE *out, enum config_text kind);

#endif
