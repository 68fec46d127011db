/* SPDX-License-Identifier: GPL-2.0-only */
/* The whole proof: minutes. */
#include "case.h"

int main(int argc, char **argv)
{
	return cases_main(argc, argv, true);
}
