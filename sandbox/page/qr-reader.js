import decodeQR from "./vendor/qr/decode.js";

/** A code may be small in a large photo or large in a small one: these widths find both. */
const WIDTHS = [1600, 800, 2400, 400];

/**
 * Reads the QR code in a picture file.
 *
 * @param {Blob} file
 * @returns {Promise<string>} its text
 * @throws {Error} whose message can be shown
 */
export async function readPicture(file) {
  const picture = await decodable(file);
  for (const width of WIDTHS) {
    const text = decode(picture, Math.min(width, picture.width));
    if (text !== null) return text;
  }
  throw new Error("There is no readable QR code in this picture. Try a sharper one, with some white around the code.");
}

/** SVG pictures have no size of their own for createImageBitmap: they are drawn through an image element. */
async function decodable(file) {
  try {
    if (file.type !== "image/svg+xml") return await createImageBitmap(file);
    const url = URL.createObjectURL(file);
    try {
      const image = new Image(1000, 1000);
      image.src = url;
      await image.decode();
      return image;
    } finally {
      URL.revokeObjectURL(url);
    }
  } catch {
    throw new Error("The browser cannot read this file as a picture.");
  }
}

function decode(source, width) {
  const [fullWidth, fullHeight] = [source.videoWidth ?? source.width, source.videoHeight ?? source.height];
  if (!fullWidth || !fullHeight) return null;
  const height = Math.max(1, Math.round((fullHeight * width) / fullWidth));
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.fillStyle = "#fff"; // transparent pictures: their code is meant to stand on white
  context.fillRect(0, 0, width, height);
  context.drawImage(source, 0, 0, width, height);
  try {
    return decodeQR(context.getImageData(0, 0, width, height));
  } catch {
    return null; // no code in it
  }
}

/** Whether the camera can be used: browsers give it to https and localhost only. */
export const cameraIsThere = () => navigator.mediaDevices?.getUserMedia !== undefined;

/**
 * Looks through the camera until it sees a QR code.
 *
 * @param {HTMLVideoElement} video - shows what the camera sees
 * @param {AbortSignal} signal - ends the search and frees the camera
 * @returns {Promise<string | null>} the text; null when the search was ended
 * @throws {Error} whose message can be shown, when there is no camera or it may not be used
 */
export async function readCamera(video, signal) {
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" }, audio: false });
  } catch (error) {
    throw new Error(
      error.name === "NotAllowedError"
        ? "The camera may not be used here: allow it, or choose a picture."
        : "There is no camera. Choose a picture, or paste the text.",
    );
  }
  try {
    video.srcObject = stream;
    await video.play();
    while (!signal.aborted) {
      const text = decode(video, Math.min(800, video.videoWidth));
      if (text !== null) return text;
      await new Promise((resolve) => setTimeout(resolve, 120));
    }
    return null;
  } finally {
    for (const track of stream.getTracks()) track.stop();
    video.srcObject = null;
  }
}
