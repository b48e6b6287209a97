#include "hub/topic.h"
