/** Downloads the file at a URL; the server names the file. */
export function download(url: string) {
  const link = document.createElement("a");
  link.href = url;
  link.download = "";
  link.click();
}
