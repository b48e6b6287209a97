#include "proto/utf8.h"
