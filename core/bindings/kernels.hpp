// kernels.hpp: what the files of the module mimocorb._kernels have in common. One file for each topic,
// with one function that adds it to the module.
#pragma once

#include <nanobind/nanobind.h>

namespace mimocorb::kernels {

namespace nb = nanobind;

void register_pulses(nb::module_& module);
void register_coincidences(nb::module_& module);
void register_crc32c(nb::module_& module);
void register_waveforms(nb::module_& module);
void register_fields(nb::module_& module);
void register_lengths(nb::module_& module);

}  // namespace mimocorb::kernels
