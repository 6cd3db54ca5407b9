// stream-ref: the ref of a stream's handle; stream.ts draws its bytes.

export type StreamRef = number & { readonly brand: 'stream' };
