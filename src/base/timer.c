#include "base/timer.h"
