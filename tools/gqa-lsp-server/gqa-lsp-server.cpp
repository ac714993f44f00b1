#include "gqa/Tools/Tools.h"

int main(int argc, char **argv) { return gqa::lspServerMain(argc, argv); }
