#include "ctl/cmd_completion.h"

#include <string.h>

#include "base/array.h"
#include "ctl/line/command.h"
#include "ctl/line/completion.h"
#include "ctl/term/exit_status.h"
#include "ctl/term/term.h"

static const struct {
    const char *shell;
    void (*add)(struct buf *out, const struct command *const *commands);
} shells[] = {
    { "bash", completion_add_bash },
    { "zsh", completion_add_zsh },
    { "fish", completion_add_fish },
};

static int run(const struct invocation *in)
{
    for (size_t i = 0; i < ARRAY_LEN(shells); i++) {
        if (strcmp(in->words[0], shells[i].shell) == 0) {
            struct buf out = { 0 };

            shells[i].add(&out, in->commands);
            term_write(in->term, buf_str(&out));
            buf_done(&out);
            return CTL_OK;
        }
    }
    term_error(in->term, "unknown shell \"%s\"; use bash, zsh or fish", in->words[0]);
    return CTL_USAGE;
}

static const struct example examples[] = {
    { "eval \"$(eventhubctl completion bash)\"", "completes in this bash" },
    { "eventhubctl completion zsh > \"${fpath[1]}/_eventhubctl\"", "completes in each new zsh" },
    { "eventhubctl completion fish > ~/.config/fish/completions/eventhubctl.fish",
      "completes in each new fish" },
    { 0 },
};

const struct command cmd_completion = {
    .name = "completion",
    .summary = "print a script that makes a shell complete commands and options",
    .arguments = "bash|zsh|fish",
    .min_words = 1,
    .max_words = 1,
    .about = "The Debian package installs these scripts for all three shells.",
    .examples = examples,
    .run = run,
};
