/* cmd_bench.h - see command.h. */
#ifndef EH_CTL_CMD_BENCH_H
#define EH_CTL_CMD_BENCH_H

extern const struct command cmd_bench;

#endif
