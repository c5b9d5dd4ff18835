/*
 * imc_stats.h - statistics of the group imc
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef IMC_STATS_H
#define IMC_STATS_H

/* Registers them; in mod_init. */
int imc_stats_init(void);

#endif
