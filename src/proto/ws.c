#include "proto/ws.h"
