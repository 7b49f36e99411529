// Written by `make web`: what comes with the page.
export const bundled = { closure: "closure.safetensors" };
