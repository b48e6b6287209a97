#include "hub/metrics.h"
