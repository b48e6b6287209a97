#include "hub/trie.h"
