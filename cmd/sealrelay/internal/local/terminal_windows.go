package local

// terminalName is the console, for reading and writing.
const terminalName = "CONIN$"
