#include "hub/eventlog.h"
