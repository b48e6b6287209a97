/* clock.h - the two clocks.
 * Thread:  any.
 * Users:   net, broker and app; proto and hub take the time as a parameter.
 */
#ifndef EH_BASE_CLOCK_H
#define EH_BASE_CLOCK_H

#include <stdint.h>

uint64_t clock_mono_ms(void); /* never goes backwards; for timers */
uint64_t clock_mono_us(void);
uint64_t clock_wall_ms(void); /* since the epoch; the time that users see */

#endif
