//! Frames in and out of pcapng; live sniffing; frames to timeline.
