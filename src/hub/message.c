#include "hub/message.h"
