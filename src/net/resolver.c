#include "net/resolver.h"
