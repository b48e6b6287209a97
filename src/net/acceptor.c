#include "net/acceptor.h"
