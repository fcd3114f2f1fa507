#include "numerals.h"

/* The letters, from the largest value down. A value is taken as often as it fits. */
const struct numeral numerals[] = {
    {1000, "M"}, {900, "CM"}, {500, "D"}, {400, "CD"}, {100, "C"}, {90, "XC"},
    {50, "L"},   {40, "XL"},  {10, "X"},  {9, "IX"},   {5, "V"},   {1, "I"},
};
const size_t numeral_count = sizeof(numerals) / sizeof(numerals[0]);
