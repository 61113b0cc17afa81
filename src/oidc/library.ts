import { speakAgain } from "./hush.js";
import { errors, interactionPolicy, Provider } from "oidc-provider";

speakAgain();

export { errors, interactionPolicy, Provider };
