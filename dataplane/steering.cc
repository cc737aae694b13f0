#include "dataplane/steering.h"

#include <rte_byteorder.h>
#include <rte_flow.h>

#include <initializer_list>

namespace noisegate::dataplane {
namespace {

bool SteerPort(uint16_t device_id, rte_flow_item_type ip, uint16_t udp_port, uint16_t queue,
               uint16_t vlan) {
  rte_flow_item_vlan vlan_spec = {}, vlan_mask = {};
  vlan_spec.tci = rte_cpu_to_be_16(vlan);
  vlan_mask.tci = rte_cpu_to_be_16(0x0fff);
  rte_flow_item_udp udp_spec = {}, udp_mask = {};
  udp_spec.hdr.dst_port = rte_cpu_to_be_16(udp_port);
  udp_mask.hdr.dst_port = 0xffff;

  rte_flow_item pattern[5] = {};
  int n = 0;
  pattern[n++].type = RTE_FLOW_ITEM_TYPE_ETH;
  if (vlan != 0) {
    pattern[n].type = RTE_FLOW_ITEM_TYPE_VLAN;
    pattern[n].spec = &vlan_spec;
    pattern[n++].mask = &vlan_mask;
  }
  pattern[n++].type = ip;
  pattern[n].type = RTE_FLOW_ITEM_TYPE_UDP;
  pattern[n].spec = &udp_spec;
  pattern[n++].mask = &udp_mask;
  pattern[n].type = RTE_FLOW_ITEM_TYPE_END;

  const rte_flow_action_queue to_queue = {.index = queue};
  rte_flow_action actions[2] = {};
  actions[0].type = RTE_FLOW_ACTION_TYPE_QUEUE;
  actions[0].conf = &to_queue;
  actions[1].type = RTE_FLOW_ACTION_TYPE_END;

  rte_flow_attr attributes = {};
  attributes.ingress = 1;
  rte_flow_error error = {};
  return rte_flow_validate(device_id, &attributes, pattern, actions, &error) == 0 &&
         rte_flow_create(device_id, &attributes, pattern, actions, &error) != nullptr;
}

}  // namespace

bool SteerStripes(uint16_t device_id, uint16_t first_port, uint16_t queues, uint16_t vlan) {
  for (uint16_t w = 0; w < queues; ++w) {
    const uint16_t udp_port = static_cast<uint16_t>(first_port + w);
    for (const rte_flow_item_type ip : {RTE_FLOW_ITEM_TYPE_IPV4, RTE_FLOW_ITEM_TYPE_IPV6}) {
      if (SteerPort(device_id, ip, udp_port, w, vlan)) continue;
      rte_flow_error error = {};
      rte_flow_flush(device_id, &error);
      return false;
    }
  }
  return true;
}

}  // namespace noisegate::dataplane
