#include "broker/keys.h"
