// Carries the precompiled header; a program, so that it is compiled with the same options as the test programs.
int main() { return 0; }
