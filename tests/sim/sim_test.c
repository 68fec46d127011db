/* SPDX-License-Identifier: GPL-2.0-only */
/* The share of the proof that ordinary tests take. */
#include "case.h"

int main(int argc, char **argv)
{
	return cases_main(argc, argv, false);
}
