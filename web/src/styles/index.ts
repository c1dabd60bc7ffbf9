import "./tokens.css";
import "./base.css";
import "./controls.css";
import "./shell.css";
import "./conversation.css";
import "./call.css";
import "./screens.css";
