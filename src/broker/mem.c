#include "broker/core.h"
