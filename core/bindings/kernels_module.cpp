// mimocorb._kernels: signal processing on arrays.
#include "kernels.hpp"

NB_MODULE(_kernels, module) {
  module.doc() = "Native signal processing; use it through mimocorb.filters.pulses.";
  mimocorb::kernels::register_pulses(module);
}
