//! GPT partitions, Discoverable Partitions types and the layout of a Piccolo OS disk
