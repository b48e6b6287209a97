#include "hub/auth.h"
