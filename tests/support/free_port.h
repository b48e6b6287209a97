/* free_port.h - a port for a program that cannot choose one itself.
 * Thread:  any, but one at a time.
 * Rule:    the same as in tests/integration/support/port.mjs, so tests of both kinds never get the
 *          same port: it lies below those that the kernel chooses, and the process that has it
 *          listens on an abstract socket with the number in its name.
 * Lives:   the claim lasts until the process ends.
 */
#ifndef EH_TESTS_FREE_PORT_H
#define EH_TESTS_FREE_PORT_H

#include <stdint.h>

uint16_t free_port_claim(void); /* of 127.0.0.1; 0: none was free */

#endif
