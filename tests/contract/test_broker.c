/* One suite for both engines: `test_broker mem` and `test_broker redis`, which starts its own
 * redis-server (exit status 77 if it is not installed).
 */
#include "contract/fixture.h"

#include <stdio.h>
#include <stdlib.h>

#define EXIT_SKIPPED 77

int main(int argc, char **argv)
{
    static struct fixture f;
    bool redis = argc == 2 && strcmp(argv[1], "redis") == 0;
    int failed;

    if (!redis && (argc != 2 || strcmp(argv[1], "mem") != 0)) {
        fprintf(stderr, "usage: test_broker mem|redis\n");
        return EXIT_FAILURE;
    }
    if (redis && !(f.redis = redis_server_start())) {
        fprintf(stderr, "test_broker: no redis-server on the PATH\n");
        return EXIT_SKIPPED;
    }
    failed = feed_cases(&f) + gap_cases(&f) + log_cases(&f) + page_cases(&f) + kv_cases(&f) +
             latest_cases(&f) + length_cases(&f) + limit_cases(&f) + list_cases(&f) +
             batch_cases(&f) + presence_cases(&f) + purge_cases(&f) + revoke_cases(&f) +
             want_cases(&f);
    if (redis)
        failed += redis_cases(&f);
    redis_server_stop(f.redis);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
