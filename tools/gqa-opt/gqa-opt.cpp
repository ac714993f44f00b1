#include "gqa/Tools/Tools.h"

int main(int argc, char **argv) { return gqa::optMain(argc, argv); }
