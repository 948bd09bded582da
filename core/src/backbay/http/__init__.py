"""HTTP for backends: the codec and transport protocols, the decoders of framings, and the only driver."""
