// What a single value cannot say: the checks between keys of a config.
#ifndef NOISEGATE_CONFIG_VALIDATE_H_
#define NOISEGATE_CONFIG_VALIDATE_H_

#include "config/config.h"
#include "config/decoder.h"
#include "config/yaml_tree.h"

namespace noisegate::config {

// Reports to `decoder` what does not fit together in `config`, which it has read from `root`.
// Values that it found wrong before are left out of account, so that nothing is reported twice.
void Validate(const Config& config, const Node& root, Decoder& decoder);

}  // namespace noisegate::config

#endif  // NOISEGATE_CONFIG_VALIDATE_H_
