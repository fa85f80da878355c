// mimocorb._kernels: signal processing on arrays; checksum and columns of recorded data.
#include "kernels.hpp"

NB_MODULE(_kernels, module) {
  module.doc() = "Native signal processing, used through mimocorb.analysis; and what recording needs.";
  mimocorb::kernels::register_pulses(module);
  mimocorb::kernels::register_waveforms(module);
  mimocorb::kernels::register_coincidences(module);
  mimocorb::kernels::register_crc32c(module);
  mimocorb::kernels::register_fields(module);
  mimocorb::kernels::register_lengths(module);
}
