#include "ctl/link/connecting.h"

#include "base/buf.h"
#include "ctl/line/command.h"
#include "ctl/link/runtime.h"
#include "ctl/link/target.h"
#include "ctl/term/exit_status.h"
#include "ctl/term/term.h"

int connecting_begin(const struct invocation *in, struct target **ret_target,
                     struct runtime **ret_runtime)
{
    struct buf why = { 0 };
    int status;

    *ret_target = NULL;
    *ret_runtime = NULL;
    if (target_create(in->common, NULL, ret_target, &why) < 0) {
        term_error(in->term, "%.*s", STR_ARG(buf_str(&why)));
        buf_done(&why);
        return CTL_USAGE;
    }
    status = runtime_create(in->term, ret_runtime);
    if (status != CTL_OK) {
        target_free(*ret_target);
        *ret_target = NULL;
    }
    return status;
}
