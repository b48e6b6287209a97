#include "proto/jsonrpc.h"
